"""All tests. A package, so that its folders do not hide the libraries they are named after."""
