-- LuaJIT runs an xpcall handler with hooks off: a loop there could not be stopped.
-- expect: overrun

return { tick = function() xpcall(error, function() while true do end end) end }
