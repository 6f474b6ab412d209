"""Generated from the .proto files of this folder by `make protos`; do not edit."""
