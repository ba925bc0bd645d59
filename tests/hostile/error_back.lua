-- Fails in back.
-- expect: error

return { back = function() error "back" end }
