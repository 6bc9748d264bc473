#!/bin/sh
# The event's data comes on standard input; what is printed is the reply.
exec tr '[:lower:]' '[:upper:]'
