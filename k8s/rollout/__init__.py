"""Roll out a model: publish a release under its digest, deploy it, roll it back.

Runs on the operator's machine, or in the training image; never in a serving pod.
"""
