"""What if: one contact centre's day over and over in virtual time, with the product's own actors, compared with another's."""
