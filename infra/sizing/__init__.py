"""How many machines a network needs: from measured figures of one unit, and stated assumptions."""
