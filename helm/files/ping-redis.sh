# Whether Redis answers on the port given, to the password that start-redis.sh gave it.
REDISCLI_AUTH=$(printf %s "$REDISCLI_AUTH" | tr -d '\r\n') exec redis-cli -p "$1" -e ping
