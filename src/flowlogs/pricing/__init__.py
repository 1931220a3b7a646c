"""The bill: what AWS charges, what was measured, and what a volume of flow logs costs by them."""
