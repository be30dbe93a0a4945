"""What runs in the other servers' environments: their usual handlers around the same model.

Scripts, each started by the Python of its environment; none is imported by this project.
"""
