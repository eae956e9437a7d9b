"""ai-stack: an aiohttp service runtime and the knowledge stack built on it."""
