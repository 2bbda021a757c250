"""What is said of sounds: a grammar of spatial captions, and a bank of them."""
