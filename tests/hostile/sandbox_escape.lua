-- Looks for what it may not have.
-- expect: error

return {
  tick = function(room)
    for _, name in ipairs { "load", "loadstring", "dofile", "io", "package", "debug", "ffi", "jit", "newproxy", "getfenv" } do
      if rawget(_G, name) then while true do end end -- an overrun, which is not what is expected
    end
    if string.dump or getmetatable(room) then while true do end end
    pcall(setmetatable, room, {}) pcall(collectgarbage, "stop") pcall(os.exit)
    error "nothing found"
  end,
}
