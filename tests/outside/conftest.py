"""What the contract tests share beside the stack."""
