"""Static pictures for papers: column width, small type that stays legible, colours that colour-blind readers tell apart."""
