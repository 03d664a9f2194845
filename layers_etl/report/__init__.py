"""One page for people who would rather look than query: what the ads did, and how far the numbers can be trusted."""
