"""Judgement: what the hub proposes to do, why, who agreed, and what came of it."""
