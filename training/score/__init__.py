"""Score archives: every photograph of a folder, an archive file, a table or a bucket, to Parquet.

The same classifier, decoder and limits as the service, without a server.
"""
