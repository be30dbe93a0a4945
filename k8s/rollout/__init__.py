"""Rolling out a model: publish a release under its digest, deploy it, go back.

Runs on the machine of who rolls out, or in the training image; never in a serving pod.
"""
