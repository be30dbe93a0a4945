"""Judge a trained model and its explanations, and write the reports.

``scores`` and ``intervals`` measure predictions, ``stress`` perturbed and unsuitable pictures,
``explanations`` the attribution methods; ``report`` renders what they found.
"""
