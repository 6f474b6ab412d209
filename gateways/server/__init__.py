"""The gateway's gRPC server: takes links of adapters and desks, and hands their frames to the cluster's edge."""
