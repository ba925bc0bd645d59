-- Functions, coroutines and metatables in documents.
-- expect: error or overrun

return {
  open = function(room)
    room.state.f, room.state.c = print, coroutine.create(print)
    room.state.m = setmetatable({}, { __index = function() while true do end end, __pairs = error })
  end,
}
