"""The servers of browser pages, part by part."""
