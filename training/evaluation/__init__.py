"""Judge a trained model and its explanations, and write the reports.

``stress`` measures perturbed and unsuitable pictures, ``explanations`` the attribution methods, and
``report`` renders what they found. Training itself uses ``training.scores``, which is no part of it.
"""
