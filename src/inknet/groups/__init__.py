"""Groups of samples that belong together: `dividing` keeps each in one part."""
