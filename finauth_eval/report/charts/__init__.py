"""A small writer of SVG charts: scales, layers, labels that do not collide. Knows nothing of what it draws."""
