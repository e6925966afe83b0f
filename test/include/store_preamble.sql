-- What the tests of the store begin with: the helpers served and error_of, terse messages, and no
-- notices. Its commands are not echoed, so that the expected output does not depend on them.
\set ECHO none
\ir served.sql
\ir error_of.sql
\set VERBOSITY terse
SET client_min_messages = warning;
\set ECHO all
