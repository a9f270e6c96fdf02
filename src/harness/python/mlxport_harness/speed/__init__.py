"""H17 `speed`: a port at true width, random 4-bit weights, few layers, beside the nearest accepted port."""
