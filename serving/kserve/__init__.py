"""The second runtime: KServe's own model server around the same service, in worker processes.

One process has the front, KServe's model server (REST and gRPC) and the queue; workers, forked by a
process that has imported everything once, run the modules of the archive.
"""
