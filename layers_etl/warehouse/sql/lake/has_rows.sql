-- Whether {published} or {standing} has any row that is {within}.
SELECT EXISTS (FROM {published} WHERE {within}) OR EXISTS (FROM {standing} WHERE {within});
