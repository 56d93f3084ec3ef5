"""What each notebook computes, shows and says, from 01_data to 07_figures."""
