"""A recording as one self-contained HTML page.

collect   what is kept while the recording is heard: events, directions, columns
drawing   timeline, azimuth over time, polar histogram as SVG
raster    spectrogram and density of directions as PNG
page      the page
"""
