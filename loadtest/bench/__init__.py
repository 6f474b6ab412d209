"""`make bench`: how fast the product is, measured from outside, in one run on one machine."""
