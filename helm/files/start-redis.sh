# Starts Redis with the password on standard input: a list of processes shows arguments to everybody. A line break at the
# password's end, which a file often has, is not part of it, as the service has it.
# Kubernetes leaves $(...) here alone, since no variable is called so.
exec redis-server "$@" - <<END
requirepass "$(printf %s "$REDISCLI_AUTH" | tr -d '\r\n' | sed 's/["\\]/\\&/g')"
END
