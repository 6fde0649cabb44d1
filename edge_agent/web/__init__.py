"""The store's pages: `/till` for the cashier, `/till/display` for the customer, `/edge` for technicians."""
