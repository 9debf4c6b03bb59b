# Starts Redis with the password on standard input: a list of processes shows arguments to everybody.
# Kubernetes leaves $(...) here alone, since no variable is called so.
exec redis-server "$@" - <<END
requirepass "$(printf %s "$REDISCLI_AUTH" | sed 's/["\\]/\\&/g')"
END
