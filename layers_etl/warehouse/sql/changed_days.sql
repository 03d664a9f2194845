SELECT DISTINCT scope, project_id, entity_id, since, until FROM ops.changed_days WHERE revision > $since_revision;
