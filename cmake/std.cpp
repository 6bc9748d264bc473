// Owns the precompiled header of the standard library (CMakeLists.txt); holds no code.
