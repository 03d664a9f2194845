-- changed_windows: what changed of one scope.
CREATE OR REPLACE TEMPORARY TABLE changed_windows AS
SELECT project_id, entity_id, since, until FROM incoming_changes WHERE scope = '{scope}';
