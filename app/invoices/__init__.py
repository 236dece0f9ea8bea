"""What an invoice is: the contract with billing-service, its checks, and the words and figures of its page. Pure."""
