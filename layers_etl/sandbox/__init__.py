"""A simulated Layers API, served over loopback HTTP.

An independent implementation of the vendor's pages: it shares no code with the pipeline, so that a misreading on one
side cannot hide behind the same misreading on the other. The API lives under `/v1`; what tests and demos steer it by
lives under `/sandbox`.
"""
