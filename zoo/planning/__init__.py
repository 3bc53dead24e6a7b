"""What a run would cost elsewhere: predicted from a recipe and a short calibration here."""
