"""The OpenAPI document: what each path takes and answers, made from the types that read requests."""
