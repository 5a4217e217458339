"""A table whose COMMIT takes as many seconds as the row says."""

SLOW_COMMIT = """
    CREATE TABLE note (seconds float);
    CREATE FUNCTION wait_for_it() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_sleep(NEW.seconds); RETURN NULL; END
    $$;
    CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON note
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_for_it();
"""
