"""Judge a trained model and its explanations, and write the reports.

``stress`` measures perturbed and unsuitable pictures, ``explanations`` the attribution methods, and
``report`` renders what they found. Scores are in ``training.scores``, because training uses them.
"""
