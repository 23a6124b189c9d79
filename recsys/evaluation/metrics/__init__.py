"""What is measured of recommended lists; accuracy by ir-measures, the rest one idea a file."""
