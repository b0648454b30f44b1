"""What keys and commands do, a subject each; the app routes to them."""
