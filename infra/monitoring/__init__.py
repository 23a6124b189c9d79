"""What watches the product: scraping, alarms, dashboards."""
