# What the distribution gives us; `run` and `test` install it.
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(msgpack CONFIG REQUIRED) # target msgpackc-cxx
find_package(simdjson CONFIG REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(PostgreSQL REQUIRED) # libpq; the server is for tests alone
find_package(spdlog REQUIRED)
find_package(cppzmq REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(Boost 1.74 REQUIRED)
find_package(CAF REQUIRED)
find_package(date CONFIG REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
