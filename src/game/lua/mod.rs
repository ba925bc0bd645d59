//! LuaJIT rooms.
